"""What is each of theory's quantities in a run, by its definition and at the full resolution of the records?"""
