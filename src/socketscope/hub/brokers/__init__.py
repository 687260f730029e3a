"""What carries messages between the processes of a service. Import the one that you need: `memory`, `redis`."""
