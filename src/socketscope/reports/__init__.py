"""What happened in a day: figures with their sources, and the forms in which they are read."""
