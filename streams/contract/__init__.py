"""What is on the wire: events, topics, segments, rows of the counts changelog."""
