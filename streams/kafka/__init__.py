"""Everything that talks to a broker: clients, topics, readers, producers, transactions."""
