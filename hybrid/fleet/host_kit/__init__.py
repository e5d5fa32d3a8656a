"""What a host needs to join a site, in the form that its owner uses (`kit`)."""
