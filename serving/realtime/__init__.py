"""Conversations that are spoken live, as OpenAI's Realtime API has them."""
