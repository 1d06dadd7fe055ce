"""Settings of model specs that may be searched: the days they are tried on, and candidates made of them."""
