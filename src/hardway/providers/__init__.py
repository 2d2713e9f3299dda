"""Where machines come from. One package per provider; what they share is in `base`."""
