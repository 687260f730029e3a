"""The programs of `socketscope demo`: started together, watched, stopped in order, and their numbers compared."""
