"""From what is wanted to what is: observe, compare, converge, verify."""
