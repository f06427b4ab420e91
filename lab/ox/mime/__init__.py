"""Taking mails apart: headers, parts, text."""
