"""What a cluster is: values only, nothing here reads or writes."""
