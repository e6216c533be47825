"""The nouns: ids, facts, devices, groups, holders, hosts. No I/O."""
