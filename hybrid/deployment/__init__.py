"""What is done to deployed stacks: sites are retired, and an estate is deployed step by step."""
