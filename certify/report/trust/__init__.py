"""What a verdict rests on: the page that an auditor reads in one screen."""
