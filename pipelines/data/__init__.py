"""From a source's rows to accepted partitions."""
