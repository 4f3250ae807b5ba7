"""Plans run over the store: the cell function, the local engine and Ray, and what pages read of them."""
