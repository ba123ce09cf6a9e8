"""What differs between array libraries and machines, and nothing else: thin files that know nothing of tensors."""
