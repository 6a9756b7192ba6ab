"""D21: any k groups of rows deleted, by one step for each group and a tree over the groups that pull most."""
