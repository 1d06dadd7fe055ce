"""What commands share: services, the folder of a run, and what is printed."""
