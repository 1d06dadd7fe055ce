"""Where raw rows come from: files, buckets, databases."""
