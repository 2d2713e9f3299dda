"""What a text means to the process that reads it, and how two texts differ in that."""
