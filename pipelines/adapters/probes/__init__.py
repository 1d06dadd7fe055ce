"""What `redeye doctor` looks at: the machine and the outside systems, read and never changed."""
