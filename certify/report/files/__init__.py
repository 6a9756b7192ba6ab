"""The files that a certificate binds, read for a page that shows rows of them."""
