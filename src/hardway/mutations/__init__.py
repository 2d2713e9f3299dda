"""Single faults made on purpose, each with its undo: what proves that checks notice."""
