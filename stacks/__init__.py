"""The stacks of an estate: what is deployed and torn down together. Wiring only."""
