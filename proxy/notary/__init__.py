"""The edge towards Notary: fetches files of a collection, and believes nothing of them."""
