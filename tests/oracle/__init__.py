"""What the outputs must be, computed in plain Python from the rules in docs/, knowing nothing of SQL or Flink."""
