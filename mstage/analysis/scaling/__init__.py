"""How does what was measured scale with the width?"""
