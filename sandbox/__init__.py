"""The local site: the embedded AWS, hosts of the site, and what they stand in for."""
