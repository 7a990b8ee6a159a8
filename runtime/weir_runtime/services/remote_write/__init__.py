"""Prometheus remote write 1.0 and 2.0: bodies of requests, and the records of samples between them and Kafka.

v1.proto and v2.proto are Prometheus' own (Apache-2.0, their notices stand in them), with what was changed said at their
tops. `make protocols` makes the modules v1_pb2 and v2_pb2 of them; who installs Weir needs no compiler.
"""
