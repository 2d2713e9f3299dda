"""What providers share whose machines have a system of their own: ssh and aws."""
