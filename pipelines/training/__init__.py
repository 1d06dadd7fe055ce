"""Labels, examples, splits, and the models fitted on them."""
