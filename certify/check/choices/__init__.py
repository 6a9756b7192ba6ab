"""What a certificate chooses and the spec does not say, and what of it the caller allows."""
