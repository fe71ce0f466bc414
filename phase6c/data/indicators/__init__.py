"""The features by family: each module declares its own, `phase6c.data.catalogue` joins them."""
