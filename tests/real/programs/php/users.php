<?php
echo 'list of users';
