"""The way to Asterisk (与 Asterisk 的连接): its process, its configuration, the AMI connection, the heartbeat."""
