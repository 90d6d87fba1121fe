"""The examples of every task, as batches."""
