"""`weir demo`: a shop's session stream, three pipelines, a change under load, and an audit of every record."""
