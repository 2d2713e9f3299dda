"""What people do with a living cluster beyond `up`: each looks first, so that it can go on."""
