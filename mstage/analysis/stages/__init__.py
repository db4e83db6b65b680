"""Which stages does a loss curve go through, and which do runs share?"""
