"""The page: what a visitor sees and presses. gradio lives here and nowhere else; torch never does."""
