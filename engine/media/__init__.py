"""Pictures, films and sounds: files to arrays, arrays to codes, previews."""
