"""The day once more: the stages step through the recorded commands beside their journals."""
