"""The listeners: certificates, who is believed about where clients come from, and addresses of their own."""
