"""The runner on this machine: it carries a plan out, each step in a process of its own."""
