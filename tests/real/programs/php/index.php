<?php
// What is asked for stands after the script's name: /index.php/articles/7.
echo 'page [', $_SERVER['PATH_INFO'] ?? '', ']';
