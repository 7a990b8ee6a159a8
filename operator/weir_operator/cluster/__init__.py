"""The operator in a cluster: what it is made of, what it counts, and how one asks whether it is well."""
