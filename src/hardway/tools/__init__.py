"""The field's own tools, typed: what they print is parsed here or not at all."""
