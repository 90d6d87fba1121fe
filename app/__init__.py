"""The page: what a visitor sees and presses. gradio lives here alone; torch never does."""
