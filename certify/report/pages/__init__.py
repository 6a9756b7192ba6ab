"""What pages share: the script of their tables, leaving things out, several reports on one page."""
